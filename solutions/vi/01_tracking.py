# %% [markdown] id="title" source="f4064850616f"
# # 01 · Theo dõi thử nghiệm và quản lý phiên bản
#
# Tháng Ba, mô hình của bạn định giá căn nhà số 12 Mill Lane: 341,000 EUR. Bây giờ là tháng Mười một. Căn nhà bán được thấp
# hơn nhiều, và luật sư của người bán hỏi bạn lấy con số ấy ở đâu ra. Bạn có làm lại được nó không?
#
# Sau bài lab này, bạn có thể
#
# - ghi lại một lượt chạy (run) sao cho một người lạ cũng lặp lại được, đúng đến chữ số cuối cùng;
# - phân biệt mô hình tốt hơn với mô hình chỉ gặp may hơn;
# - đặt cho một tập dữ liệu cái tên không thể nói dối;
# - chọn giữa nhiều lượt chạy, và đưa ra cho mô hình thắng cuộc một con số mà tháng sau vẫn còn đúng;
# - tìm ra cột dữ liệu, hay cách chia dữ liệu, đã để tương lai rò rỉ vào quá khứ.
#
# Bài này mất khoảng 100 phút: một nửa để đọc và thử, một nửa để tự tay làm. Hãy chạy các ô lần lượt từ trên xuống bằng
# Shift+Enter. Gặp chữ **Thử đoán**, bạn hãy nói to dự đoán của mình rồi mới chạy ô; chính những lần đoán sai làm ta nhớ lâu
# câu trả lời đúng. Dưới mỗi câu hỏi và mỗi bài tập đều có một ô kiểm tra, cho biết nó đã đưa vào gì, mong đợi gì và nhận được
# gì. Những ô chỉ vẽ hình hay chuẩn bị dữ liệu được gập lại; bấm vào dấu ba chấm để xem chúng làm thế nào.
#
# Mã, chữ trong hình và thông báo của các ô kiểm tra giữ nguyên tiếng Anh, như bạn sẽ gặp khi đi làm. Các con số trong bài cũng
# viết như mã in ra: dấu phẩy ngăn hàng nghìn, dấu chấm đứng trước phần thập phân.

# %% [markdown] id="once-or-a-thousand-times" source="a0f4517a8301"
# ## 1 · Một lần ở nhà, hay một nghìn lần
#
# **Thời lượng: 5 phút**
#
# Một bữa ngon nấu một lần ở nhà chỉ cần công thức hay và chút may mắn. Một chuỗi nhà hàng phục vụ cùng món ấy cho hàng triệu
# khách thì cần nhiều hơn: công thức viết ra giấy, nguồn hàng rõ ràng, lò nướng chỉnh như nhau, và mọi thay đổi đều được ghi
# lại. Khoa học dữ liệu là bữa ăn ở nhà. MLOps là chuỗi nhà hàng.
#
# Mỗi lượt huấn luyện là một thí nghiệm. Thí nghiệm không lặp lại được là trò chơi chứ không phải khoa học: không ai kiểm
# chứng được nó, không ai xây tiếp được trên nó, và đến tháng Mười một thì không ai bảo vệ được nó.

# %% [markdown] id="the-case" source="b0863c874066"
# Cả khóa học xoay quanh một bài toán. Một công ty môi giới bán nhà ở trung tâm thị trấn, ở ngoại ô và ở vùng quê xung quanh;
# một mô hình gợi ý giá bán. Mỗi dòng dưới đây là một căn nhà được rao. `price_eur` là biến mục tiêu (target): ô này để trống
# cho đến khi nhà bán xong, vì trước đó chẳng ai biết giá.

# %% [markdown] id="predict-five-runs" source="cf66978e462d"
# **Thử đoán.** Ô tiếp theo huấn luyện một khu rừng nhỏ (random forest) trên cùng những dòng ấy, với cùng thiết lập, hết lần
# này đến lần khác. Chỉ có xúc xắc là khác: rừng bốc thăm các dòng một cách ngẫu nhiên, và không ai bảo nó dùng con xúc xắc
# nào. Trong năm sai số đầu tiên, bao nhiêu cái sẽ khác nhau: không cái nào, hai, hay tất cả?
#
# Sai số sẽ vào khoảng 90,000 đến 110,000 EUR, trong khi một căn nhà trung bình giá chừng 300,000: rừng này chỉ nhìn thấy năm
# cột, đến khu vực của căn nhà cũng không biết. (Chúng tôi đã đánh số các con xúc xắc, để trang của bạn hiện đúng những con số
# như trang này.)

# %% [markdown] id="after-luck" source="8403cd15593a"
# Một công thức, hai mươi bữa ăn. Giả sử bạn chạy hai lần rồi giữ lại con số đẹp hơn, chắc bạn đã báo cáo là có tiến bộ. Từ đó
# nảy ra hai câu hỏi mà nửa đầu bài lab này sẽ trả lời. Tôi phải ghi lại những gì để *chính lượt chạy này* quay trở lại? Và
# làm sao phân biệt tốt hơn với may mắn hơn?

# %% [markdown] id="six-things" source="741f58af4a0a"
# ## 2 · Sáu điều, đủ cả sáu, trong mọi lượt chạy
#
# **Thời lượng: 8 phút**
#
# | điều cần ghi | ghi dưới dạng | trong nhà bếp |
# |---|---|---|
# | 1 phiên bản mã nguồn | git commit, và cây làm việc có *dirty* hay không | công thức, kể cả ghi chú bút chì |
# | 2 phiên bản dữ liệu | mã băm (digest) của nội dung | nhà cung cấp và số lô hàng |
# | 3 siêu tham số | *mọi* thiết lập, cả giá trị mặc định | lò 180 °C, dù lúc nào cũng thế |
# | 4 môi trường | Python, phiên bản thư viện, hệ điều hành | lò nào |
# | 5 chỉ số (metric) | trên tập huấn luyện, kiểm định và kiểm tra | ghi chép lúc nếm thử |
# | 6 tệp kết quả (artifact) | mô hình, hình vẽ, nhật ký, dự đoán mẫu | một phần cất trong tủ đông |
#
# Sáu điều này nhân với nhau chứ không cộng. Có năm điều không có nghĩa là lặp lại được năm phần sáu lượt chạy; nghĩa là không
# lặp lại được.

# %% [markdown] id="defaults-move" source="59ffd333ae81"
# Vì sao phải ghi cả giá trị mặc định? Vì phiên bản sau của thư viện có thể đổi chúng, mà trong mã của bạn không có gì lộ ra.
# (Chuyện đã từng xảy ra: rừng của scikit-learn có 10 cây cho đến phiên bản 0.22, từ đó là 100.) Dưới đây bạn đặt một con số;
# mô hình được dựng từ mười hai.

# %% [markdown] id="dirty-tree" source="437b43e9eb96"
# Git biết bạn đã *commit* những gì. Nó không biết bạn đã *chạy* những gì. Đây là một quy tắc làm tròn giá đã được git quản lý,
# rồi một chỗ sửa kiểu người ta hay làm lúc đêm khuya.
#
# **Thử đoán.** Sau khi sửa, mã commit có đổi không?

# %% [markdown] id="dirty-means" source="2b2c544011d6"
# Commit vẫn vậy, hành vi thì đã khác. Vì thế công cụ theo dõi phải ghi thêm một cờ, *dirty* (còn thay đổi chưa commit), và tốt
# hơn nữa là giữ lại chính `git diff`: commit cộng với diff mới là đoạn mã đã chạy.

# %% [markdown] id="theory-dirty-question" source="a5fe4208892d"
# **Câu hỏi.** Trang của một lượt chạy ghi commit `4f2c91e` và *dirty: yes*. Không ai giữ lại diff. Điều gì về đoạn mã đã chạy
# được chứng minh?
#
# - **A** Đó đúng là mã của commit `4f2c91e`, vì mã commit đã được ghi lại
# - **B** Không điều gì cả; nó có thể đến từ bất kỳ nhánh nào hay bất kỳ kho mã nào khác
# - **C** Đó là commit `4f2c91e` với vài thay đổi trong chú thích hay notebook, những thứ không thể làm chỉ số thay đổi
# - **D** Nó bắt đầu từ `4f2c91e` và khác với commit ấy; khác thế nào thì không ai nói được
# - **E** Có thể lấy lại nó bằng `git checkout 4f2c91e`, miễn là nhánh ấy chưa từng bị rebase

# %% [markdown] id="theory-six-question" source="4eec11dcc2dd"
# **Câu hỏi.** Một đồng nghiệp nộp bản ghi dưới đây và hỏi: dựa vào nó có lặp lại và đánh giá được lượt chạy không?
#
# ```text
# A  code             commit 9c41e07, tree clean
# B  data             houses.csv, 1,500 rows
# C  hyperparameters  max_depth = 8
# D  environment      Python 3.11.9, Linux, requirements.lock attached
# E  metrics          validation_rmse = 95,204 EUR
# F  artifacts        model, residual plot, training log, ten sample predictions
# ```
#
# Trong sáu điều ấy, bạn trả lại những điều nào vì còn thiếu? Chọn đủ, và đừng chọn thừa.

# %% [markdown] id="better-or-luckier" source="f56895a1de6d"
# ## 3 · Tốt hơn, hay may mắn hơn?
#
# **Thời lượng: 7 phút**
#
# Có người đề xuất một thay đổi: cứ để cây chẻ nhánh đến khi một lá chỉ còn hai căn nhà, thay vì dừng ở năm căn như trước nay.
# Chạy mỗi bên một lần thì chẳng qua là so hai bữa ăn lẻ. Vậy ta lặp lại cả hai với một tá *mầm ngẫu nhiên* (seed), tức con số
# định sẵn mọi lần gieo xúc xắc. Ở đây seed còn quyết định căn nhà nào được bốc để huấn luyện, căn nào để chấm.
#
# **Thử đoán.** Hai đám mây, mỗi đám mười hai sai số, có chồng lên nhau không?

# %% [markdown] id="after-pairs" source="4b77050d72a5"
# Mỗi đường nối hai mô hình đã gặp cùng những căn nhà và cùng những con xúc xắc. Lượt bốc thăm khó thì khó cho cả hai: các mức
# sai số cùng nhau dao động tới 30,000 EUR, và nếu chỉ nhìn hai đám mây, hẳn bạn sẽ nhún vai bỏ qua. Còn các *hiệu số* thì nhỏ
# và gần như nằm hết về một phía. Hãy so từng cặp, đừng so cả đống.
#
# Nói bằng con số: lấy các hiệu $d_i$, trung bình $\bar d$ và độ lệch chuẩn $s$ của chúng (với $n-1$). Ta biết trung bình này
# với sai số chuẩn (standard error) là $s/\sqrt{n}$, nên $\bar d \,/\, (s/\sqrt{n})$ cho biết khoảng cách ấy cách số không bao
# nhiêu sai số chuẩn. Dưới khoảng 2 thì chưa chứng minh được gì; được 4 hay 5 thì bạn có thể đổi thực đơn.

# %% [markdown] id="theory-gap-question" source="200a8af9795e"
# **Câu hỏi.** Hãy viết tỉ số ấy. `a` và `b` là RMSE của mô hình A và B trên cùng các seed, theo cùng thứ tự; kết quả dương khi
# B tốt hơn.

# %% [markdown] id="theory-reading-question" source="c6eef87b72fb"
# **Câu hỏi.** Mô hình B, chạy một lần, có RMSE thấp hơn 0.3 % so với A, cũng chạy một lần. Các lượt chạy của mỗi mô hình chênh
# nhau khoảng 0.5 % giữa seed này và seed khác. B có tốt hơn không?
#
# - **A** Chưa chứng minh được: hãy chạy cả hai trên cùng một tá seed, rồi xem các hiệu số
# - **B** Có: thấp hơn 0.3 % là thấp hơn, và chỉ số được đo trên cùng các dòng kiểm định cho cả hai mô hình
# - **C** Không: chênh lệch nhỏ hơn độ phân tán, điều đó chứng minh hai mô hình tốt như nhau
# - **D** Có, miễn là cả hai lượt chạy được cho cùng một `random_state` cố định
# - **E** Không: A tốt hơn, vì con số thấp nhờ ngẫu nhiên sẽ lại tăng với seed tiếp theo

# %% [markdown] id="mlflow-parts" source="43e2d40df493"
# ## 4 · Bốn phần của MLflow
#
# **Thời lượng: 7 phút**
#
# Bạn có thể ghi sáu điều ấy vào sổ tay, như các phòng thí nghiệm vẫn làm suốt mấy thế kỷ. Phần lớn các nhóm dùng MLflow. Một
# lượt chạy lần lượt đi qua bốn phần của nó.
#
# - **Projects** khởi động: tệp `MLproject` khai báo các điểm vào và tham số của chúng, và `mlflow run . -P trees=50` gọi một
#   trong số đó. (Khóa học này có tệp ấy; bạn hãy mở ra xem.)
# - **Tracking** ghi lại chuyện gì đã xảy ra: tham số, chỉ số, thẻ (tag), tệp. Các lượt chạy được gom thành *thử nghiệm*
#   (experiment); của chúng ta tên là `House Price Prediction`.
# - **Models** là định dạng của thứ được làm ra: một thư mục có mô hình, những gì nó cần để chạy, và *signature* của nó, tức
#   khai báo đầu vào nó nhận và đầu ra nó trả.
# - **Registry** là kho các mô hình đã hoàn thành: phiên bản 3 đang chạy thật (production), trước nó là phiên bản 2. (Đó là
#   module 02.)

# %% [markdown] id="signature" source="9d9f2d7a641e"
# Signature là phần người ta hay bỏ qua, để rồi thấy thiếu. Signature của chúng ta hứa: vào năm số, ra một số.
#
# **Thử đoán.** Chuyện gì xảy ra khi trang web gửi `area_sqft`, trong khi mô hình được hứa là `area_m2`?

# %% [markdown] id="after-signature" source="d915e9b2e621"
# Từ chối thẳng thừng, và như vậy là tốt: không có lời hứa ấy, mô hình sẽ nhận bất cứ thứ gì nằm ở cột đầu tiên rồi thản
# nhiên định giá.

# %% [markdown] id="theory-parts-question" source="bdda93a7b974"
# **Câu hỏi.** Phần nào của MLflow đáp ứng từng nhu cầu dưới đây? Một chữ cái có thể dùng nhiều lần, hoặc không dùng lần nào.
#
# 1. Nửa năm sau, xem RMSE kiểm định của mọi rừng mà bất cứ ai từng thử
# 2. Biết hôm nay phiên bản nào đang phục vụ, và quay về phiên bản trước nó
# 3. Từ chối những dòng thiếu một cột mà mô hình đã dùng khi huấn luyện
# 4. Lấy lại, đúng đến từng byte, một tệp CSV đã bị ai đó ghi đè; lượt chạy đọc nó chỉ ghi mã băm, ngoài ra không ghi gì
# 5. Để đồng nghiệp khởi động huấn luyện với `max_depth=5` bằng một lệnh, không cần mở notebook
#
# **A** Tracking · **B** Projects · **C** Models · **D** Registry · **E** không phần nào trong bốn phần

# %% [markdown] id="data-versions" source="2d6264e93a44"
# ## 5 · Cái tên không thể nói dối
#
# **Thời lượng: 6 phút**
#
# `houses.csv`, `houses_final.csv`, `houses_final2.csv`: tên tệp cho biết ai đó đã hy vọng điều gì. *Mã băm nội dung* (content
# hash) cho biết trong tệp có gì. Dưới đây, một mức giá trong tệp được sửa đi 100 EUR.

# %% [markdown] id="dvc" source="9fdde18dad1a"
# Mã băm gọi tên một phiên bản; nó không cất giữ phiên bản ấy. **DVC** làm cả hai: nó cất nội dung dưới mã băm và để lại một tệp
# *con trỏ* (pointer) nhỏ. Git quản lý được con trỏ này, dù nó chẳng bao giờ chứa nổi một gigabyte CSV. Commit con trỏ, và
# commit ấy gọi tên luôn cả dữ liệu.

# %% [markdown] id="first-rows" source="62431ef92ba6"
# MLflow cũng có digest cho một bảng: tính từ tên các cột, số dòng, cùng các số và chuỗi ký tự trong **10,000 dòng đầu**. Nó
# nhanh, và trông như một phiên bản.
#
# **Thử đoán.** Với mỗi chỗ sửa trong năm chỗ dưới đây, trên một bảng 12,000 dòng: cách nào nhận ra?

# %% [markdown] id="theory-digest-question" source="23176d04b5ac"
# **Câu hỏi.** Bảng của bạn có 14,000 dòng; lượt chạy ghi lại digest của MLflow. Sau những chỗ sửa nào thì digest vẫn y như cũ?
# Chọn đủ, và đừng chọn thừa. (Dòng được đánh số từ 1.)
#
# - **A** Giá ở dòng 12,345 được sửa lại
# - **B** Dòng 17 bị xóa
# - **C** Dòng 10,500 và dòng 13,500 đổi chỗ cho nhau
# - **D** Cột `area_m2` đổi tên thành `area`
# - **E** Một tệp có thêm 300 dòng được nối vào cuối
# - **F** Các dòng từ 10,001 đến 14,000 được thay bằng 4,000 căn nhà khác

# %% [markdown] id="honest-choice" source="2a922d095f6b"
# ## 6 · Kẻ thắng giữa hai mươi ứng viên hay tự tâng bốc mình
#
# **Thời lượng: 6 phút**
#
# Ba phần dữ liệu, ba nhiệm vụ. Mô hình học từ **tập huấn luyện** (train). Bạn lựa chọn trên **tập kiểm định** (validation).
# Còn **tập kiểm tra** (test) thì bạn chỉ mở một lần, vào lúc cuối, để biết mô hình đã chọn đáng giá bao nhiêu. Nó vẫn nằm sẵn
# đó; sao không chọn luôn trên nó?
#
# **Thử đoán.** Dưới đây là 40 cây cùng một loại; không cây nào xứng đáng thắng. Một tập kiểm tra gồm 60 căn nhà xếp hạng vài
# cây trong số đó, và cây thắng cuộc được công bố cùng sai số kiểm tra của nó. Trên những căn nhà khác, chính cây ấy sẽ làm
# được như thế, tốt hơn hay kém hơn?

# %% [markdown] id="after-optimism" source="2ef2d08938ff"
# Với một ứng viên, hai con số khớp nhau; với hai mươi, con số công bố đẹp quá sự thật chừng 15,000 EUR, còn kết quả giao tới
# những căn nhà khác hầu như chẳng khá hơn. Khoảng chênh ấy gọi là *sự lạc quan* (optimism): giữa nhiều con số có nhiễu, con số
# nhỏ nhất nhỏ một phần vì nhiễu của nó gặp may. Con số trên tập kiểm định cũng mắc đúng tật ấy, và được phép mắc: nó dùng để
# chọn. Còn con số bạn *báo cáo* phải lấy từ những dòng không có tiếng nói nào trong việc chọn.

# %% [markdown] id="theory-optimism-question" source="94c23a981355"
# **Câu hỏi.** Hãy đo nó. `test[i]` là RMSE của ứng viên thứ i trên tập kiểm tra, `later[i]` là RMSE của chính ứng viên ấy trên
# các giao dịch của tháng sau. Có người chọn ứng viên tốt nhất trên tập kiểm tra rồi công bố con số kiểm tra của nó. Lời công bố
# ấy đã tâng bốc ứng viên lên bao nhiêu EUR?

# %% [markdown] id="two-leaks" source="39dc802dd52b"
# ## 7 · Hai lối để tương lai rò rỉ vào
#
# **Thời lượng: 6 phút**
#
# Thị trường của chúng ta biến động: mỗi khu vực đi một hướng, theo từng tháng. Người định giá nhà trong tháng Ba không biết gì
# về tháng Tư. Một phép kiểm định trung thực cũng vậy: học từ những gì đã *bán trước* một ngày, chấm trên những gì rao bán sau
# ngày ấy. Chia ngẫu nhiên thì khác. Cứ năm căn nó giữ lại một căn, rồi cho mô hình xem các căn hàng xóm cùng tháng.
#
# **Thử đoán.** Một công thức có mức giá riêng cho từng tháng. So với chia theo thời gian, chia ngẫu nhiên sẽ làm nó trông tốt
# hơn hay kém hơn?

# %% [markdown] id="target-leak" source="e8e1d8e996f1"
# Cùng công thức, cùng bảng; chỉ là câu hỏi đã bị làm cho dễ đi. Chia ngẫu nhiên hứa 60,000 EUR, còn những tháng đầu phục vụ
# thật sẽ mang về 94,000.
#
# Lối rò rỉ thứ hai là một *cột* chỉ biết được cùng lúc với câu trả lời. Phí môi giới bằng khoảng 3 % giá bán: dùng để dự đoán
# thì tuyệt vời, nhưng vào đúng ngày bạn cần dự đoán thì nó còn trống.

# %% [markdown] id="after-leak" source="55b5b373d664"
# Con số đẹp đến khó tin thì thường là không đáng tin. Hai triệu chứng tố cáo những cột như thế: cột để trống ở mọi nơi mà câu
# trả lời còn chưa biết, hoặc nó bám theo câu trả lời sát hơn bất cứ hiểu biết chính đáng nào.

# %% [markdown] id="what-repeats" source="707216f3862c"
# ## 8 · Điều gì làm một lượt chạy lặp lại được
#
# **Thời lượng: 5 phút**
#
# `random_state=0` chỉ giữ yên một cặp xúc xắc. Một lượt chạy còn gieo những cặp khác. Có bộ sinh số ngẫu nhiên *toàn cục* của
# numpy, mà mọi lời gọi bất cẩn đều dùng chung. Có thứ tự của dòng và cột, y như khi đọc từ tệp; có thứ tự của một `set`, thứ
# mà Python xáo lại trong mỗi tiến trình. Đến số luồng cũng đáng kể, vì cộng theo thứ tự khác thì làm tròn khác.
#
# **Thử đoán.** Dòng đầu tiên cộng ba số theo hai thứ tự. Các dòng sau in cùng một tập hợp, trong hai tiến trình. Có mấy điều
# bất ngờ?

# %% [markdown] id="after-order" source="4dffb0c6d8ec"
# Cùng một chương trình mà hai thứ tự cột; một khu rừng bốc cột theo số thứ tự giờ sẽ bốc những cột khác. Thuốc chữa thì tẻ
# nhạt: sắp xếp mọi thứ không có thứ tự của riêng mình, và trao cho mỗi bộ sinh số một seed.

# %% [markdown] id="theory-order-question" source="9bf3e50182b7"
# **Câu hỏi.** Lượt chạy của tháng trước không còn cho ra những con số cũ. Hãy đưa nó trở lại: xếp các bước theo thứ tự duy nhất
# làm được việc.
#
# - **A** Cho DVC vừa cài lấy dữ liệu về theo mã băm; huấn luyện lại với tham số và seed đã ghi
# - **B** Đọc bản ghi của lượt chạy: commit, diff, mã băm dữ liệu, tham số, seed, chỉ số
# - **C** Cài đúng những gì có trong tệp khóa phiên bản (lock file) mà lần checkout mang về
# - **D** Nếu một chỉ số khác đi, thay từng nghi phạm một rồi huấn luyện lại
# - **E** Checkout commit đã ghi và áp diff đã ghi lên
# - **F** So từng chỉ số với chỉ số đã ghi

# %% [markdown] id="practice" source="471e076e383a"
# ## 9 · Thực hành: ghi lại nhiều lượt chạy
#
# **Thời lượng: 8 phút · dễ**
#
# **Bài tập bắt buộc 1.** Thiết lập MLflow và theo dõi nhiều thử nghiệm.
#
# Từ đây bạn tự tay làm. Mỗi bài tập là một hàm; các ô kiểm tra gọi nó với những căn nhà mà nó chưa từng thấy.
#
# *Ngộ nhận mà bài này nhắm vào: con số trên tập huấn luyện đẹp hơn thì mô hình tốt hơn.*
#
# Hãy viết `track_run` bằng MLflow thuần, như bạn sẽ làm khi đi làm. Mỗi lời gọi huấn luyện một
# `DecisionTreeRegressor(max_depth=depth, random_state=0)` trên `inputs(train)` và `train[PRICE]`, rồi để lại một lượt chạy đã
# kết thúc trong experiment mang tên được truyền vào. Lượt chạy ấy giữ
#
# 1. **tất cả** tham số của cây, kể cả giá trị mặc định;
# 2. hai chỉ số `train_rmse` và `validation_rmse`, gửi trong một lời gọi;
# 3. một thẻ (tag) `data_digest`: mã băm MD5 hoặc dài hơn của *toàn bộ* `train`, sao cho một mức giá đổi thì mã cũng đổi;
# 4. mô hình, dưới tên `model`, kèm signature. Hãy truyền `pip_requirements=["scikit-learn"]` (nếu không, MLflow mất mười giây
#    để tự dò) và `skops_trusted_types=["sklearn.tree._tree.Tree"]`.
#
# `track_run` trả về mã của lượt chạy (run id). Sau đó `best_run` chỉ ra lượt nên chọn trong số các lượt đã kết thúc của một
# experiment. Bạn sẽ thấy chừng một tá tham số, và một cây không giới hạn (`depth=None`) thuộc lòng những căn nhà đã học.
#
# <details><summary>Gợi ý 1: bắt đầu từ đâu</summary>
#
# Gọi `mlflow.set_experiment(experiment)`, rồi đặt mọi thứ bên trong `with mlflow.start_run() as run:`. Khối `with` kết thúc
# lượt chạy, và đánh dấu FAILED nếu có ngoại lệ đi qua nó. Mục 4 đã ghi một mô hình kèm signature.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `mlflow.log_params(model.get_params())` · `mlflow.log_metrics({"train_rmse": rmse(model, train), …})` ·
# `hashlib.md5(train.to_csv(index=False).encode()).hexdigest()` ·
# `mlflow.search_runs(experiment_names=[experiment], filter_string="attributes.status = 'FINISHED'", order_by=["metrics.… ASC"])`
# trả về một bảng, lượt tốt nhất đứng đầu.
# </details>

# %% [markdown] id="after-runs" source="8b0a110f1caa"
# Cây không giới hạn chẳng đoán trật căn nào trong số nhà nó đã học, và đoán trật nhiều nhất với mọi căn khác. Con số trên tập
# huấn luyện chỉ xếp hạng trí nhớ. *Nếu muốn xem trên giao diện:* chạy `make mlflow` trong terminal để mở kho; chọn các lượt
# chạy rồi bấm Compare.

# %% [markdown] id="choose" source="aca1be9f0180"
# ## 10 · Thực hành: chọn giữa hai mươi lượt chạy
#
# **Thời lượng: 6 phút · vừa**
#
# *Ngộ nhận: chọn trên tập kiểm tra, hoặc chọn một lượt chạy duy nhất gặp may.*
#
# Trước mặt bạn là một kho theo dõi sau một tuần bận rộn: năm cấu hình, mỗi cấu hình bốn seed, vài lượt chạy bị hỏng. Hãy viết
# `choose(runs, digest)`. Hàm trả về cặp *(cấu hình nên dùng, RMSE nên trông đợi ở nó)* theo các quy tắc sau:
#
# - chỉ tính những lượt `FINISHED`, được huấn luyện trên phiên bản dữ liệu `digest`, và có `validation_rmse` (không phải NaN);
# - một cấu hình cần ít nhất **ba** lượt như vậy: ít hơn thì chỉ là may rủi;
# - **trung bình RMSE kiểm định** thấp nhất qua các seed thì thắng; còn con số để *trông đợi* là trung bình RMSE **kiểm tra**
#   của chính những lượt ấy.
#
# <details><summary>Gợi ý 1: đường đi</summary>
#
# Lọc các dòng trước, rồi `groupby("config")`, rồi nhìn ba con số của mỗi cấu hình: có bao nhiêu lượt, trung bình RMSE kiểm
# định, trung bình RMSE kiểm tra.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `table = usable.groupby("config").agg(count=("seed", "size"), validation=("validation_rmse", "mean"), test=("test_rmse", "mean"))`,
# rồi `table[table["count"] >= 3]["validation"].idxmin()`.
# </details>

# %% [markdown] id="snapshots" source="3d5de593745b"
# ## 11 · Thực hành: tệp nào đã huấn luyện lượt nào?
#
# **Thời lượng: 6 phút · vừa**
#
# *Ngộ nhận: tên tệp là phiên bản.*
#
# Một ổ đĩa cũ chứa nhiều tệp cùng tên `houses.csv`. Hãy viết `identify(runs, snapshots)`. `snapshots` ánh xạ một nhãn sang các
# byte của một tệp: một dòng tiêu đề, rồi mỗi căn nhà một dòng. Mỗi lượt chạy là một dict cho biết hồi ấy người ta đã ghi lại
# những gì: `run_id`, luôn có `file` (tên tệp), và có thể có thêm
#
# - `md5`: mã băm của cả tệp;
# - `rows`: số căn nhà;
# - `first_rows` (n) đi cùng `first_rows_md5`: mã băm của dòng tiêu đề và n căn nhà đầu tiên, gồm cả ký tự xuống dòng.
#
# Trả về `{run_id: label}`, với `None` ở những chỗ mà ghi chép không chỉ ra được *đúng một* bản chụp. Mọi điều đã ghi đều phải
# khớp.
#
# <details><summary>Gợi ý 1: ý tưởng</summary>
#
# Với mỗi lượt chạy, giữ lại những bản chụp không mâu thuẫn với ghi chép nào của nó. Còn một: chính là nó. Không còn bản nào,
# hoặc còn nhiều: `None`.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `lines = data.splitlines(keepends=True)`; số dòng là `len(lines) - 1`; n căn nhà đầu tiên kèm tiêu đề là
# `b"".join(lines[: n + 1])`; `hashlib.md5(…).hexdigest()` cho mã băm. Chỉ so một ghi chép khi nó `in run`.
# </details>

# %% [markdown] id="leaks" source="9b4390505677"
# ## 12 · Thực hành: chặn tương lai ở ngoài
#
# **Thời lượng: 8 phút · vừa**
#
# *Ngộ nhận: chia ngẫu nhiên là an toàn, và cột nào trong bảng cũng vậy.*
#
# Công ty môi giới mở chi nhánh ở những thị trấn khác, mà tệp dữ liệu của họ có những cột bạn chưa từng nghe tên. `home` là một
# tệp như thế, ghi những gì đã biết tính đến ngày cuối cùng của nó. Hãy viết hai hàm dùng được ở mọi thị trấn.
#
# `target_leaks(history)` liệt kê những cột không được dùng vì chúng để lộ cuộc mua bán. Hãy xét mọi cột, trừ `house_id`,
# `listed_on`, `sold_on` và giá. Hai triệu chứng chính là hai triệu chứng ở mục 7: để trống ở mọi nơi giá còn trống, hoặc đi sát
# theo giá (cùng chiều hay ngược chiều) hơn mức mà hiểu biết chính đáng có thể đạt tới. Cột trung thực cũng có thể có chỗ trống
# của riêng nó, và một bản thẩm định tốt có tương quan hạng gần 0.95; cột rò rỉ thì trên 0.98.
#
# `rolling_folds(history, months)` trả về một cặp *(huấn luyện, kiểm định)* cho mỗi tháng, tháng viết như `"2021-04"`; mỗi phần là
# một danh sách nhãn chỉ mục (index). Kiểm định: những căn **rao bán trong** tháng ấy mà đã biết giá. Huấn luyện: những căn **đã
# bán trước** khi tháng ấy bắt đầu.
#
# <details><summary>Gợi ý 1: các triệu chứng</summary>
#
# `column[history[PRICE].isna()]` là phần của cột ở những nơi chưa biết giá; ở đó có ô nào được điền không? Thứ hạng không quan
# tâm đến công thức: `column.rank().corr(price.rank())` bằng ±1 với bất cứ thứ gì tăng hay giảm theo giá. Cột chữ thì không có
# thứ hạng.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `unsold = history[PRICE].isna()` · `hidden = history.loc[unsold, name].isna().all()` ·
# `pd.api.types.is_numeric_dtype(history[name])` · `abs(rank) > 0.97`. Về tháng: `start = pd.Timestamp(month)`,
# `end = start + pd.DateOffset(months=1)`, và `history.index[history["sold_on"] < start].tolist()`.
# </details>

# %% [markdown] id="repeat" source="6f28cbbfc0b3"
# ## 13 · Thực hành: giống nhau đến từng bit
#
# **Thời lượng: 5 phút · vừa**
#
# *Ngộ nhận: có `random_state` là đủ.*
#
# Hàm `train_predict` dưới đây mỗi lần gọi cho ra giá khác, và lại khác nữa khi cùng các dòng ấy đến theo thứ tự khác. Hãy sửa
# nó mà vẫn giữ việc nó làm: bốc 80 % số dòng huấn luyện, gộp mười cây (bagging), mỗi cây xét một nửa số cột, rồi dự đoán `rows`
# theo đúng thứ tự được cho. Cùng nội dung và cùng `seed` thì phải cho cùng một danh sách, đến từng bit: dù các dòng huấn luyện
# và các cột nằm theo thứ tự nào, dù trước đó còn ai đã dùng số ngẫu nhiên. Seed khác thì danh sách khác.
#
# <details><summary>Gợi ý 1: xúc xắc nằm ở đâu</summary>
#
# Có bốn chỗ: dòng nào được bốc, việc gộp cây, thứ tự các dòng huấn luyện, thứ tự các cột. Bốc thăm có seed mà trên các dòng xếp
# theo thứ tự khác thì bốc ra những căn nhà khác.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `train.sort_values("house_id")` trước, `columns = sorted(…)`, rồi dùng seed hai lần: `np.random.default_rng(seed)` và
# `model.set_params(random_state=seed)`: bagging sẽ chuyền nó cho các cây.
# </details>

# %% [markdown] id="review" source="900966477042"
# ## 14 · Thực hành: duyệt mã một công cụ theo dõi
#
# **Thời lượng: 6 phút · vừa**
#
# *Ngộ nhận: nó chạy được, nghĩa là nó đã ghi lại.*
#
# Công cụ theo dõi này được chắp vá từ các bài hướng dẫn trên mạng. Hãy đọc nó như bạn đọc pull request của một đồng nghiệp.
#
# ```python
# def track(model, X_train, y_train, X_valid, y_valid):
#     mlflow.set_tracking_uri("file:./mlruns")                             # A
#     mlflow.set_experiment("House Price Prediction")                      # B
#     mlflow.start_run()                                                   # C
#     try:
#         mlflow.log_params(model.get_params())                            # D
#         answers = model.fit(X_train, y_train).predict(X_train)
#         mlflow.log_metric("validation_rmse", error(y_train, answers))    # E
#         digest = mlflow.data.from_pandas(X_train).digest
#         mlflow.set_tag("data_version", digest)                           # F
#         mlflow.set_tag("commit", git("rev-parse", "HEAD"))               # G
#         mlflow.sklearn.log_model(                                        # H
#             model, name="model", pip_requirements=PINNED,
#             signature=infer_signature(X_train, answers))
#     except Exception as problem:
#         print("tracking failed:", problem)                               # I
# ```
#
# Những dòng nào có lỗi: hôm nay chạy là văng ngoại lệ, ghi lại điều sai hay còn thiếu, hoặc làm mất dấu một thất bại? Cơ sở dữ
# liệu là SQLite, các bảng có 50,000 dòng, và cả nhóm hay quên commit.

# %% [markdown] id="mend" source="206786b89b69"
# Giờ hãy sửa chỗ tệ nhất. Một bộ lập lịch đã mở sẵn một lượt chạy (`open_run`) và gọi `safe_run` để điền vào. Khi mọi việc suôn
# sẻ, lượt chạy giữ các tham số của cây, `train_rmse` và `validation_rmse`, rồi kết thúc là FINISHED. Khi có bất cứ chuyện gì
# hỏng, **chính ngoại lệ ấy phải đến tay bên gọi**, lượt chạy kết thúc là FAILED, thẻ `failure` của nó nói chuyện gì đã xảy ra,
# và **không chỉ số nào** của lượt chạy dở dang được để lại.
#
# <details><summary>Gợi ý 1: những gì đã có sẵn</summary>
#
# `with mlflow.start_run(run_id=run_id):` mở lại lượt chạy, và kết thúc nó là FAILED khi có ngoại lệ đi qua. Gắn thẻ trên đường
# đi; một mình chữ `raise` chuyển tiếp đúng ngoại lệ ấy. Hãy tính xong mọi con số rồi mới ghi con số đầu tiên.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# Bên trong `with`: dùng `try:` để khớp mô hình và tính một dict `metrics`; `except Exception as problem:` thì
# `mlflow.set_tag("failure", f"{type(problem).__name__}: {problem}")` và `raise`; sau khối `try` mới ghi.
# </details>

# %% [markdown] id="study-task" source="b310c8e878e9"
# ## 15 · Cả gian bếp: một hệ thống cho những thị trấn bạn chưa từng thấy
#
# **Thời lượng: 7 phút · khó, nhưng mảnh ghép nào bạn cũng có trong tay**
#
# *Ngộ nhận: công thức thắng ở đây thì ở đâu cũng thắng.*
#
# `recipes()` đưa ra năm mô hình (mở ô `NUMBERS = …` gần đầu bài). Ở vài thị trấn giá trôi đều đặn, ở nơi khác mỗi khu một kiểu
# như tấm chăn chắp vá. Không công thức nào tốt nhất ở mọi nơi, và chỉ một phép so sánh trung thực trên quá khứ của chính thị
# trấn ấy mới cho biết ở đây công thức nào tốt nhất. Hãy viết
#
# - `study(history)`: những cột nào được dùng (không rò rỉ, không mã định danh, không ngày tháng, không giá), và với mỗi công
#   thức, trung bình RMSE trên các căn nhà kiểm định qua `rolling_folds(history, last_months(history, 4))`. Ghi mỗi công thức
#   một lượt chạy MLflow, trong experiment `Recipes`, với chỉ số `validation_rmse`. Trả về
#   `{"columns": […], "scores": {name: RMSE}, "winner": name}`.
# - `forecast(history, rows)`: huấn luyện công thức thắng cuộc trên mọi căn nhà đã biết giá trong `history`, rồi trả về danh
#   sách giá của từng dòng trong `rows`, theo thứ tự.
#
# Kết quả sẽ vào cỡ nào: công thức thắng cuộc sai khoảng một phần năm đến một phần ba mức sai của giá trung bình. Ở những thị
# trấn giá trôi đều, chia ngẫu nhiên sẽ chọn một công thức khác, mà về sau sai gấp hai, gấp ba lần.
#
# <details><summary>Gợi ý 1: đường đi</summary>
#
# Hai vòng lặp: vòng ngoài qua các công thức, vòng trong qua các fold. `history.loc[train, columns]` là đầu vào của các căn nhà
# huấn luyện trong một fold. `error_on` đo một mô hình đã khớp.
# </details>
# <details><summary>Gợi ý 2: gần như lời giải</summary>
#
# `columns = [name for name in history.columns if name not in (*target_leaks(history), "house_id", "listed_on", "sold_on", PRICE)]`
# · `model.fit(history.loc[train, columns], history.loc[train, PRICE])` · `error_on(model, history.loc[validation], columns)` ·
# `with mlflow.start_run(run_name=name): mlflow.log_metric("validation_rmse", scores[name])` · `min(scores, key=scores.get)`.
# </details>

# %% [markdown] id="record-task" source="50acc09353ac"
# Bước cuối: dọn món theo cách mà cả chuỗi nhà hàng lặp lại được. `track` trong `lib.tracking` huấn luyện một mô hình trên một
# bảng và ghi đủ sáu điều của mục 2. Hãy chạy `study` trên `home`, rồi ghi lại công thức thắng cuộc trên bảng `home`, với những
# cột mà `study` tìm ra, dưới tên của công thức. Gọi thứ `study` trả về là `found`, thứ `track` trả về là `winner`; cái sau có
# `run_id`, `metrics` và `data`.
#
# <details><summary>Gợi ý</summary>
#
# `found = study(home)`, rồi `track(recipes()[…], home, features=…, name=…)`.
# </details>

# %% [markdown] id="old-disks" source="299d40ceb097"
# Ở đây bạn không phải viết gì: hàm `identify` của mục 11 bắt tay vào ba ổ đĩa lớn hơn.

# %% [markdown] id="report" source="de22d243c936"
# ## 16 · Báo cáo: ghi chép về một thử nghiệm
#
# **Thời lượng: 4 phút**
#
# Một bản ghi chép mà đồng nghiệp dựa vào đó hành động được. Trước hết là bằng chứng, lấy từ những gì notebook của bạn đang giữ
# chứ không gõ tay: mã của lượt chạy đã ghi, RMSE kiểm định của nó, mã băm dữ liệu của nó, và trung bình RMSE của công thức
# thắng cuộc theo `study`.

# %% [markdown] id="report-criteria" source="64efe4388b1f"
# Rồi đến bản ghi chép, 120 đến 200 từ, viết cho một người không có mặt hôm đó; viết tiếng Việt cũng được. Hãy viết vào ô ngay
# dưới đây, thay cho dòng *Write here.* Người chấm là con người, mỗi tiêu chí hai điểm:
#
# | tiêu chí | 0 | 1 | 2 |
# |---|---|---|---|
# | **Khẳng định và bằng chứng** | "Boosting là mô hình tốt nhất." | có con số, nhưng không nói trên những dòng nào, so với cái gì | con số kèm đơn vị, các dòng đã dùng, mốc so sánh và mã lượt chạy |
# | **Hoài nghi** | không có | "có thêm dữ liệu thì tốt hơn" | điều gì có thể làm con số sai vào tháng sau, và sai khoảng bao nhiêu |
# | **Lặp lại được** | "cứ hỏi tôi" | vài điều trong sáu điều | chỉ cần bản ghi chép, một người lạ cũng lặp lại được lượt chạy và biết phải so cái gì |

# %% [markdown] id="stretch" source="4027c98e28c1"
# ## Đi xa hơn (không tính điểm)
#
# - **Tinh chỉnh một cách trung thực.** Thêm công thức thứ sáu của riêng bạn vào cuộc so sánh. Nó có thắng ở nhà không? Ở mười
#   thị trấn khác (`town("steady", 1_200, number)`) thì sao? Hãy dùng `theory_gap` trên mười cặp rồi hẵng tin.
# - **Làm hỏng một lần chạy lại.** Ghi một lượt chạy, rồi thay đổi điều gì đó: một dòng trong tệp, phiên bản một thư viện, số
#   luồng. `reproduce` trong `lib.tracking` nhận ra những thay đổi nào, và nó nói gì?

# %% [markdown] id="what-you-did" source="e71b8df5edd7"
# ## Bạn đã làm được gì
#
# - Bạn đã ghi các lượt chạy bằng MLflow thuần để có thể lặp lại, và thấy rằng con số trên tập huấn luyện chỉ xếp hạng trí nhớ.
# - Bạn đã phân biệt may mắn với tiến bộ nhờ so từng cặp và sai số chuẩn, và đo được kẻ thắng giữa hai mươi ứng viên tự tâng bốc
#   mình đến đâu.
# - Bạn đã chọn giữa những lượt chạy hỏng và những lượt gặp may, theo các quy tắc định sẵn từ trước.
# - Bạn đã chứng minh tệp nào huấn luyện lượt nào, và khi nào thì không thể chứng minh.
# - Bạn đã chặn tương lai ở ngoài: hai kiểu cột rò rỉ, và một cách chia tôn trọng ngày bán.
# - Bạn đã làm một lượt chạy lặp lại đến từng bit, và một công cụ theo dõi biết kêu to khi hỏng.
# - Hệ thống của bạn đã chọn và huấn luyện công thức ở những thị trấn nó chưa từng thấy, và một lượt chạy của nó lặp lại đúng đến
#   chữ số cuối cùng.
#
# Luật sư cứ việc gọi điện. Module sau: trong các mô hình đã theo dõi, mô hình nào được chạy thật, ai quyết định điều đó, và làm
# sao rút nó về.
