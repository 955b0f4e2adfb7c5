# %% [markdown] id="start" source="416be3f8d8fa"
# # Bắt đầu từ đây
#
# Chào bạn. Qua sáu bài lab, bạn sẽ vận hành một hệ thống học máy thật, từ thử nghiệm đầu tiên được ghi lại đến tờ hóa đơn cuối
# cùng: một thị trấn, những căn nhà của nó, và một thị trường không chịu đứng yên. Một nửa thời gian bạn đọc, nửa kia bạn tự tay
# làm. Các bài lab chỉ động đến thư mục này, nên bạn cứ thử thoải mái: ở đây chẳng có gì mà không làm lại từ đầu được.
#
# Trang này mất mười phút. Hãy chạy các ô từ trên xuống bằng **Shift+Enter**.
#
# Phần lời là tiếng Việt; mã, chữ trong hình và những gì máy in ra vẫn là tiếng Anh, như bạn sẽ gặp khi đi làm. Bản tiếng Việt
# và bản tiếng Anh dùng chung một mã, và được chấm như nhau.

# %% [markdown] id="setup-text" source="3b2cb66ac1b3"
# ## Mọi thứ đã sẵn sàng chưa?
#
# Ô tiếp theo xem qua máy của bạn. Mỗi dòng ghi `ok`, hoặc `MEND` (cần sửa) kèm cách sửa; dòng `note` chỉ để bạn biết, không
# làm bạn mất gì.

# %% [markdown] id="how-a-lab-works" source="93bd97c7006f"
# ## Một bài lab diễn ra thế nào
#
# Mỗi bài lab là một notebook, làm trong khoảng 100 phút. Nửa đầu là **lý thuyết**: những đoạn ngắn, những hình do chính
# notebook vẽ ra, và câu hỏi đứng ngay cạnh phần mà nó hỏi. Gặp chữ **Thử đoán**, bạn hãy nói to dự đoán của mình rồi mới chạy ô;
# chính những lần đoán sai làm ta nhớ lâu câu trả lời đúng. Nửa sau là **thực hành**: mỗi lần bạn viết vài dòng, cắm chúng vào hệ
# thống thật và xem nó chạy. Cuối bài là một báo cáo ngắn.
#
# Bạn chỉ viết vào những chỗ ghi `# YOUR CODE HERE` hoặc *Write here*. Dưới mỗi ô như thế có một **ô kiểm tra** (check). Hãy thử
# một ô: chạy cả hai ô dưới đây, đọc xem ô kiểm tra nói gì, sửa câu trả lời cho đúng, rồi chạy lại cả hai.

# %% [markdown] id="habits" source="d26ad3e1a51c"
# ## Bốn thói quen cứu được cả buổi tối
#
# - **Chạy từ trên xuống.** Mỗi ô thấy những gì các ô phía trên đã tạo ra. *Run › Run All Cells* chạy hết cả bài và không dừng lại
#   ở ô kiểm tra còn chưa đạt.
# - **Có gì lạ thì khởi động lại.** *Kernel › Restart Kernel and Run All Cells* chính là cách bộ chấm đọc notebook của bạn: từ trên
#   xuống, với bộ nhớ trống. Cái gì chỉ chạy được theo thứ tự bạn tình cờ thử thì coi như không chạy được.
# - **Bấm Validate trước khi nộp.** Nút này nằm phía trên notebook; nó chạy lại bài đã lưu từ đầu và liệt kê những ô kiểm tra chưa
#   đạt. Nó chạy tất cả, nên hãy chờ một hai phút.
# - **Lưu thường xuyên** (Ctrl+S). Bảng ở cuối trang này đọc những gì bạn đã lưu.

# %% [markdown] id="where-files-go" source="e9c32c496980"
# ## Bài làm của bạn nằm ở đâu
#
# Câu trả lời của bạn nằm trong notebook, không ở đâu khác. Những gì một bài lab *tạo ra* (lượt chạy, mô hình, dữ liệu) được ghi
# vào `out/labs/<lab>/` trong thư mục khóa học; chạy lại ô chuẩn bị của bài thì mọi thứ ở đó bắt đầu lại từ đầu, còn lần làm trước
# được giữ ngay bên cạnh, trong `<lab>.previous`.
#
# Muốn xem các lượt chạy trên trang của chính MLflow, hãy mở terminal thứ hai trong thư mục khóa học:
#
# ```bash
# make mlflow MODULE=01_tracking
# ```
#
# rồi mở địa chỉ mà nó in ra. Ctrl+C để dừng. Nếu cổng đã có chương trình khác dùng, chọn cổng khác: `PORT=5001`.

# %% [markdown] id="stuck" source="31dc60ab91a6"
# ## Khi bạn bí
#
# 1. Đọc dòng cuối của ô kiểm tra: nó gọi tên chỗ dễ nhầm.
# 2. Đọc lại mục ngay phía trên bài tập; bài tập nào cũng luyện đúng điều đứng ở đó.
# 3. Tra thông báo trong [troubleshooting](guide/troubleshooting.md), nơi các lỗi được xếp theo đúng lời văn của chúng, hoặc tra
#    một từ trong [bảng thuật ngữ Anh–Việt](guide/glossary.md). Mỗi bài lab có một
#    [tờ ghi nhớ](guide/cheatsheets/01_tracking.md) dài một trang.
# 4. Bỏ đó mà đi tiếp. Từng bài tập được chấm riêng, lỗi ở bài này không làm bạn mất điểm bài kia.
#
# Cần biết gì trước khi bắt đầu thì xem [kiến thức cần có](guide/prerequisites.md), kế hoạch sáu tuần nằm trong
# [đề cương](guide/syllabus.md), còn đọc thêm ở đâu thì có [danh mục đọc](guide/reading.md). Những trang này viết bằng tiếng Anh.

# %% [markdown] id="points" source="86740dec0a00"
# ## Điểm được tính thế nào
#
# | mỗi bài lab 100 điểm | cho |
# |---|---|
# | theory **30** (lý thuyết) | các câu hỏi ở nửa đầu |
# | code **30** (mã) | các bài tập ở nửa sau, mỗi bài chấm riêng |
# | results **30** (kết quả) | điều mà cả hệ thống của bạn đạt được, tính theo từng nấc |
# | report **10** (báo cáo) | 4 điểm cho bằng chứng từ lượt chạy của chính bạn, 6 điểm cho bài viết, do người đọc và chấm |
#
# Ô kiểm tra trong notebook cho biết bạn đang đi đúng đường. Nó chưa phải là điểm:
#
# - với một câu hỏi, nó chỉ xem *hình thức* của câu trả lời (`"B"`, chứ không phải `"option b"`);
# - bộ chấm chạy notebook của bạn với **những con số khác**: thị trấn khác, nhà khác. Ở đó, con số gõ tay sẽ sai; hàm tính ra con số
#   ấy thì đúng;
# - có những ô kiểm tra ẩn. Chúng không đòi gì hơn lời đề bài: bảng rỗng, giá trị trùng nhau, giá trị thiếu.
#
# Bạn không mất điểm vì một phần mà máy mình không chạy được, cũng không mất điểm vì đã thử.

# %% [markdown] id="progress-text" source="952c3f73554b"
# ## Tôi đã đi đến đâu?
#
# Ô tiếp theo đọc các bài lab bạn đã lưu trong thư mục tiếng Việt này: bạn đã trả lời bao nhiêu câu hỏi, và bao nhiêu ô kiểm tra
# nhìn thấy được đã đạt trong lần chạy gần nhất. Bấm vào tên để mở bài. Lúc nào muốn xem bảng lớn dần, cứ chạy lại ô. Những bài bạn
# làm bằng tiếng Anh thì trang bắt đầu tiếng Anh sẽ đếm.

# %% [markdown] id="go" source="c03ec81d82f5"
# **Hãy bắt đầu với [01 · Theo dõi thử nghiệm và quản lý phiên bản](01_tracking/01_tracking.ipynb).** Bài sau dựa trên bài trước, nên
# hãy làm theo thứ tự; từ [bài 02](02_registry/02_registry.ipynb) trở đi hiện mới có bản tiếng Anh. Cuối đường là
# [bài tổng kết](07_capstone.ipynb): cả vòng MLOps trên thị trường của riêng bạn, không lấy điểm, lấy chút tự hào.
